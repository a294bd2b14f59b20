// The moderators' room: the same forms as without this script, sent to the API, and single keys.
"use strict";
(() => {
  const list = document.getElementById("queue");
  if (!list) return;
  const API = "/api/v1/moderation";
  const said = document.getElementById("said");
  const more = document.getElementById("new");
  const empty = document.getElementById("empty");
  const WORDS = { approve: "Approved", reject: "Rejected", spam: "Marked as spam", restore: "Put back", remove: "Removed" };
  const STATUS = { approved: "approved", rejected: "rejected", spam: "marked as spam", removed: "removed", pending: "put back", deleted: "deleted" };
  const UNDO_FOR = 10000;
  const POLL_EVERY = Number(document.documentElement.dataset.pollEvery ?? 10000);
  let lastUndo = null;
  let quiet = null;
  let loading = null;

  document.documentElement.classList.add("on");
  for (const part of document.querySelectorAll("[data-needs-script]")) part.hidden = false;

  // What is said goes after a while: it must not lie over the list for ever.
  const say = (...words) => {
    clearTimeout(quiet);
    quiet = setTimeout(() => said.replaceChildren(), UNDO_FOR + 2000);
    said.replaceChildren(...words.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  };
  const cards = () => [...list.querySelectorAll(":scope > .held")];
  const open = () => cards().filter((card) => !card.classList.contains("done") && !card.classList.contains("elsewhere"));
  const nameOf = (card) => card.querySelector("h2").firstChild.textContent.trim();
  const current = () => list.querySelector(":scope > [aria-current]");

  const choose = (card, { scroll = true } = {}) => {
    if (!card) return;
    for (const other of cards()) if (other !== card) other.removeAttribute("aria-current");
    card.setAttribute("aria-current", "true");
    card.focus({ preventScroll: true });
    if (scroll) card.scrollIntoView({ block: "nearest" });
  };
  const step = (by) => {
    const all = open();
    const here = current();
    if (!here) return choose(all[0]);
    if (all.includes(here)) return choose(all[all.indexOf(here) + by]);
    const beyond = all.filter((card) => {
      const after = here.compareDocumentPosition(card) & Node.DOCUMENT_POSITION_FOLLOWING;
      return by > 0 ? after : !after;
    });
    choose(by > 0 ? beyond[0] : beyond.at(-1));
  };

  // Whoever is there after a decision: the next one, else the one before.
  const goOn = (from) => {
    const all = open();
    const next = all.find((card) => from.compareDocumentPosition(card) & Node.DOCUMENT_POSITION_FOLLOWING) ?? all.at(-1);
    if (next) choose(next);
    else said.closest("main").focus({ preventScroll: true });
    if (all.length < 5) loadMore();
    empty.hidden = all.length > 0 || document.getElementById("next") !== null;
  };

  const ask = async (path, options = {}) => {
    const answer = await fetch(path, { credentials: "same-origin", ...options });
    if (answer.status === 401) {
      location.href = `/sign-in?return=${encodeURIComponent(location.pathname + location.search)}`;
    }
    if (!answer.ok) {
      const problem = await answer.json().catch(() => ({}));
      throw new Error(problem.errors?.[0]?.message ?? problem.detail ?? "That did not work. Please try again.");
    }
    return answer;
  };

  const when = (instant) => new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(instant));

  // A card that somebody else settled stays where it is, as tall as before: nothing moves under a finger.
  const settledElsewhere = (card, outcome) => {
    card.classList.add("elsewhere");
    card.dataset.version = outcome.version;
    const line = card.querySelector(".settled");
    const what = STATUS[outcome.status] ?? "changed";
    line.textContent = outcome.decided_by && outcome.decided_at ? `${outcome.decided_by} ${what} this at ${when(outcome.decided_at)}.` : `This was ${what} meanwhile.`;
    line.hidden = false;
    uncheck(card);
    return `${nameOf(card)}: ${line.textContent}`;
  };
  const uncheck = (card) => {
    const box = card.querySelector(".pick input");
    if (box) box.checked = false;
    counted();
  };

  const settledHere = (card, action, outcome) => {
    card.classList.add("done");
    card.dataset.version = outcome.version;
    const line = card.querySelector(".settled");
    line.textContent = `${WORDS[action]}: ${nameOf(card)}`;
    line.hidden = false;
    uncheck(card);
  };

  const offerUndo = (done) => {
    lastUndo = done;
    const until = Date.now() + UNDO_FOR;
    const button = Object.assign(document.createElement("button"), { type: "button", className: "small", textContent: "Undo" });
    button.addEventListener("click", undo);
    said.lastElementChild.append(" ", button);
    setTimeout(() => {
      if (lastUndo !== done || Date.now() < until) return;
      lastUndo = null;
      button.remove();
    }, UNDO_FOR);
  };

  const post = async (decisions) => {
    const answer = await ask(`${API}/decisions`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ decisions }),
    });
    return (await answer.json()).outcomes;
  };

  const decide = async (some, action, more = {}) => {
    const sent = some.filter((card) => !card.dataset.busy);
    if (!sent.length) return;
    for (const card of sent) card.dataset.busy = "yes";
    const last = sent.at(-1);
    try {
      const outcomes = await post(
        sent.map((card) => ({ comment_id: card.dataset.id, version: Number(card.dataset.version), action, ...more })),
      );
      const done = [];
      const missed = [];
      outcomes.forEach((outcome, number) => {
        const card = sent[number];
        if (outcome.outcome === "done") {
          settledHere(card, action, outcome);
          done.push(card);
        } else missed.push(settledElsewhere(card, outcome));
      });
      const left = open().length;
      const words = done.length === 1 ? `${WORDS[action]}: ${nameOf(done[0])}.` : `${WORDS[action]}: ${done.length} comments.`;
      say(...missed, ...(done.length ? [`${words} ${left} left here.`] : []));
      if (done.length) offerUndo(done);
      if (sent.includes(current()) || !current()) goOn(last);
    } catch (wrong) {
      say(wrong.message);
    } finally {
      for (const card of sent) delete card.dataset.busy;
    }
    news();
  };

  const undo = async () => {
    if (!lastUndo) return say("There is nothing to undo. Anything can be put back from its queue, for ever.");
    const some = lastUndo;
    lastUndo = null;
    try {
      const outcomes = await post(some.map((card) => ({ comment_id: card.dataset.id, version: Number(card.dataset.version), action: "restore" })));
      outcomes.forEach((outcome, number) => {
        const card = some[number];
        if (outcome.outcome !== "done") return settledElsewhere(card, outcome);
        card.classList.remove("done");
        card.dataset.version = outcome.version;
        for (const field of card.querySelectorAll('input[name="chosen"]')) field.value = `${card.dataset.id}:${outcome.version}`;
        card.querySelector(".settled").hidden = true;
      });
      say(outcomes.length === 1 ? `Put back: ${nameOf(some[0])}.` : `Put back: ${outcomes.length} comments.`);
      choose(some[0]);
    } catch (wrong) {
      lastUndo = some;
      say(wrong.message);
    }
    news();
  };

  const rejection = (form) => {
    const reason = form.querySelector('[name="reason"]');
    const own = form.querySelector('[name="message_to_author"]')?.value.trim() ?? "";
    const tell = form.querySelector('[name="tell"]')?.checked;
    const message = own || (tell ? reason.selectedOptions[0].dataset.words ?? "" : "");
    return { reason: reason.value, ...(message ? { message_to_author: message } : {}) };
  };

  list.addEventListener("submit", (event) => {
    const form = event.target.closest("form.decide");
    if (!form) return;
    event.preventDefault();
    const card = form.closest(".held");
    const action = event.submitter?.value ?? "reject";
    decide([card], action, action === "reject" ? rejection(form) : {});
  });

  // Several at once.
  const bulk = document.getElementById("bulk");
  const chosen = () => open().filter((card) => card.querySelector(".pick input")?.checked);
  const counted = () => {
    const number = chosen().length;
    const words = document.getElementById("chosen");
    if (words) words.textContent = number ? `${number} chosen:` : "Choose several below, then:";
  };
  list.addEventListener("change", (event) => {
    if (event.target.name === "chosen") counted();
  });
  bulk?.addEventListener("submit", (event) => {
    event.preventDefault();
    const some = chosen();
    if (!some.length) return say("Choose at least one comment first.");
    const action = event.submitter?.value ?? "approve";
    decide(some, action, action === "reject" ? { reason: bulk.querySelector('[name="reason"]').value } : {});
  });

  list.addEventListener("focusin", (event) => {
    const card = event.target.closest(".held");
    if (card && card !== current() && event.target !== card) {
      for (const other of cards()) other.removeAttribute("aria-current");
      card.setAttribute("aria-current", "true");
    }
  });

  // Single keys, out of the way of fields, of other keys, and of whoever turned them off (WCAG 2.1.4).
  const keysSwitch = document.getElementById("keys-switch");
  let keys = localStorage.getItem("moderation-keys") !== "off";
  const showKeys = () => {
    keysSwitch.setAttribute("aria-pressed", String(keys));
    keysSwitch.textContent = keys ? "Keys are on" : "Keys are off";
  };
  keysSwitch.addEventListener("click", () => {
    keys = !keys;
    localStorage.setItem("moderation-keys", keys ? "on" : "off");
    showKeys();
  });
  showKeys();
  const help = document.getElementById("keys");
  const helpButton = document.getElementById("keys-help");
  const toggleHelp = () => {
    help.hidden = !help.hidden;
    helpButton.setAttribute("aria-expanded", String(!help.hidden));
  };
  helpButton.addEventListener("click", toggleHelp);

  const editing = (target) => target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  const DO = {
    j: () => step(1),
    k: () => step(-1),
    a: (card) => card && decide([card], "approve"),
    s: (card) => card && decide([card], "spam"),
    r: (card) => {
      const details = card?.querySelector("details.reject");
      if (!details) return;
      details.open = true;
      details.querySelector("select").focus();
    },
    e: (card) => card && (location.href = `/moderate/comments/${card.dataset.id}#edit`),
    n: (card) => card && (location.href = `/moderate/comments/${card.dataset.id}#note`),
    x: (card) => card?.querySelector(".pick input")?.click(),
    u: () => undo(),
    "?": () => toggleHelp(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (event.key === "Escape" && editing(event.target) && event.target.closest(".held")) {
      event.target.closest("details")?.removeAttribute("open");
      return choose(event.target.closest(".held"), { scroll: false });
    }
    if (event.key === "Enter" && event.target.matches(".reject select")) {
      event.preventDefault();
      const form = event.target.form;
      return decide([form.closest(".held")], "reject", rejection(form));
    }
    if (!keys || editing(event.target) || !(event.key in DO)) return;
    event.preventDefault();
    const card = current();
    DO[event.key](card && open().includes(card) ? card : null);
  });

  // More cards come to the end of the list, so that nothing moves.
  const pageOf = async (address) => new DOMParser().parseFromString(await (await ask(address)).text(), "text/html");
  const append = (page) => {
    const known = new Set(cards().map((card) => card.dataset.id));
    const fresh = [...page.querySelectorAll("#queue > .held")].filter((card) => !known.has(card.dataset.id));
    list.append(...fresh.map((card) => document.adoptNode(card)));
    const newest = page.getElementById("queue").dataset.newest;
    if (newest > list.dataset.newest) list.dataset.newest = newest;
    if (fresh.length) empty.hidden = true;
    return fresh.length;
  };
  const loadMore = () => {
    const next = document.getElementById("next");
    if (!next || loading) return loading;
    loading = pageOf(next.href)
      .then((page) => {
        append(page);
        const further = page.getElementById("next");
        if (further) next.href = further.getAttribute("href");
        else next.closest("p").remove();
        if (!current()) choose(open()[0], { scroll: false });
      })
      .catch((wrong) => say(wrong.message))
      .finally(() => (loading = null));
    return loading;
  };
  document.getElementById("next")?.addEventListener("click", (event) => {
    event.preventDefault();
    loadMore();
  });
  more.querySelector("button").addEventListener("click", async () => {
    const address = new URL(location.href);
    address.searchParams.delete("cursor");
    address.searchParams.set("since", list.dataset.newest || "00000000-0000-0000-0000-000000000000");
    try {
      const came = append(await pageOf(address));
      more.hidden = true;
      say(came === 1 ? "1 new comment is at the end." : `${came} new comments are at the end.`);
      if (!current()) choose(open()[0], { scroll: false });
    } catch (wrong) {
      say(wrong.message);
    }
  });

  // What others do, and what arrives, shows without moving anything. New ones wait to be asked for.
  const news = async () => {
    if (document.hidden) return;
    const watched = open();
    const address = new URL(`${API}/news`, location.href);
    address.searchParams.set("status", list.dataset.queue);
    // Older pages are still to come: only what is newer than all of them is new.
    if (list.dataset.newest && !document.getElementById("next")) address.searchParams.set("since", list.dataset.newest);
    address.searchParams.set("watch", watched.slice(0, 100).map((card) => card.dataset.id).join(","));
    try {
      const told = await (await ask(address)).json();
      for (const [queue, number] of Object.entries(told.counts)) {
        document.querySelector(`[data-count="${queue}"]`).textContent = number;
      }
      const there = new Map(told.comments.map((one) => [one.comment_id, one]));
      const elsewhere = watched
        .filter((card) => !card.dataset.busy && open().includes(card))
        .filter((card) => {
          const now = there.get(card.dataset.id);
          return now && now.version > Number(card.dataset.version);
        })
        .map((card) => settledElsewhere(card, there.get(card.dataset.id)));
      if (elsewhere.length) say(...elsewhere);
      if (elsewhere.length && current()?.classList.contains("elsewhere")) goOn(current());
      const fresh = document.getElementById("next") ? 0 : list.dataset.newest ? told.new : told.counts[list.dataset.queue];
      more.hidden = !fresh;
      more.querySelector("button").textContent = fresh >= 50 ? "Show the new ones" : `Show ${fresh} new`;
    } catch {
      // The next time, perhaps: what is on the page stays right, for versions guard every decision.
    }
  };
  setInterval(news, POLL_EVERY);
  document.addEventListener("visibilitychange", () => document.hidden || news());
  window.addEventListener("focus", news);

  const address = new URL(location.href);
  for (const name of ["done", "n", "undo", "missed"]) address.searchParams.delete(name);
  history.replaceState(null, "", address);
  if (list.classList.contains("one")) choose(open()[0], { scroll: false });
})();
