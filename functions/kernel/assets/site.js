// What these pages do beyond HTML. Everything works without it.
"use strict";
(() => {
  const readersZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

  // The reader's own time beside a visit's, where the clock on their wall says something else.
  const clock = (instant, zone) =>
    new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone }).format(instant);
  const day = (instant, zone) =>
    new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", timeZone: zone }).format(instant);
  const yourTime = (starts, ends, zone) => {
    const there = day(starts, zone);
    const here = day(starts, readersZone);
    if (there === here && clock(starts, zone) === clock(starts, readersZone)) return "";
    const opening = (there === here ? "" : `${here}, `) + clock(starts, readersZone);
    if (!ends) return `${opening} your time`;
    const last = day(ends, readersZone);
    return `${opening} to ${last === here ? "" : `${last}, `}${clock(ends, readersZone)} your time`;
  };
  for (const time of document.querySelectorAll("time[data-zone]")) {
    try {
      const ends = time.dataset.ends ? new Date(time.dataset.ends) : null;
      const text = yourTime(new Date(time.dateTime), ends, time.dataset.zone);
      if (!text) continue;
      const own = document.createElement("span");
      own.className = "your-time";
      own.textContent = text;
      time.after(" ", own);
    } catch {
      // A zone this browser has never heard of: the visit's own time stands.
    }
  }

  // The reader's zone, so that emails can say both times too.
  for (const field of document.querySelectorAll('input[name="timezone"]')) {
    if (!field.value && readersZone) field.value = readersZone;
  }

  // Whoever is signed in need not type what we know. The page itself is the same for everybody, so it is asked for.
  const prefill = async (form) => {
    const answer = await fetch("/api/v1/me", { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const me = await answer.json();
    for (const name of ["name", "email", "organisation", "job_role"]) {
      const field = form.elements.namedItem(name);
      if (field && !field.value && me[name]) field.value = me[name];
    }
  };
  // Not where somebody asked for an empty form, or gets back what they sent: what is empty there is meant to be.
  const unwanted = location.search.includes("prefill=none") || document.querySelector("[data-error-summary]");
  if (!unwanted && document.cookie.split("; ").includes("__Host-signed-in=1")) {
    for (const form of document.querySelectorAll("form[data-prefill]")) prefill(form).catch(() => {});
  }

  // A second press while the first is on its way does nothing. The button keeps its focus and its place.
  const release = (form) => {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button[data-label]")) {
      button.textContent = button.dataset.label;
      button.removeAttribute("aria-disabled");
      delete button.dataset.label;
    }
  };
  for (const form of document.querySelectorAll('form[method="post"]')) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) {
        event.preventDefault();
        return;
      }
      form.dataset.sent = "yes";
      const button = event.submitter ?? form.querySelector("button");
      if (button?.dataset.busy) {
        button.dataset.label = button.textContent;
        button.textContent = button.dataset.busy;
        button.setAttribute("aria-disabled", "true");
      }
      setTimeout(() => release(form), 10000);
    });
  }
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll('form[method="post"]').forEach(release);
  });

  // Errors are read out first; a link in their summary brings the field and its label into view.
  document.querySelector("[data-error-summary]")?.focus();
})();
