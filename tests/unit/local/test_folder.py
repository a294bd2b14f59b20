"""Who may use a stack's folder, and the clock kept in it."""

from datetime import timedelta
from pathlib import Path

import pytest

from infra.local import clock, folder
from infra.local.folder import AlreadyRunning, Folder, Running

RUNNING = Running(pid=7, base_url="http://localhost:8000", emulator_port=4566)


@pytest.fixture
def home(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "state")


def test_a_second_stack_is_told_where_the_first_one_runs(home: Folder) -> None:
    with folder.claimed(home):
        folder.announce(home, RUNNING)
        assert folder.running_from(home) == RUNNING
        with pytest.raises(AlreadyRunning, match=r"at http://localhost:8000 \(process 7\)"), folder.claimed(home):
            pass


def test_a_stack_that_is_starting_is_running_nowhere_yet(home: Folder) -> None:
    with folder.claimed(home):
        assert folder.running_from(home) is None
        with pytest.raises(AlreadyRunning, match="Try again in a moment"), folder.claimed(home):
            pass


def test_what_a_killed_stack_left_behind_claims_nothing(home: Folder) -> None:
    with folder.claimed(home):
        pass
    folder.announce(home, RUNNING)  # as it was when the process, and its lock, were gone
    assert folder.running_from(home) is None
    with folder.claimed(home):
        assert folder.running_from(home) is None


def test_forgetting_leaves_nothing_behind(home: Folder) -> None:
    with folder.claimed(home):
        home.mail.mkdir()
        (home.mail / "1.json").write_text("{}")
        clock.set_ahead(home, timedelta(days=1))
        home.forget()
        assert list(home.path.iterdir()) == [home.running]


def test_the_clock_moves_on_by_what_it_is_told(home: Folder) -> None:
    home.path.mkdir()
    assert clock.ahead(home) == timedelta()
    assert clock.advance(home, timedelta(days=1)) == timedelta(days=1)
    assert clock.advance(home, timedelta(hours=6)) == timedelta(days=1, hours=6)
    assert clock.ahead(home) == timedelta(days=1, hours=6)


def test_the_clock_may_be_behind_while_the_past_is_made_up(home: Folder) -> None:
    home.path.mkdir()
    clock.set_ahead(home, -timedelta(days=30))
    assert clock.ahead(home) == -timedelta(days=30)


@pytest.mark.parametrize("by", [timedelta(), -timedelta(hours=1)])
def test_time_does_not_run_backwards(home: Folder, by: timedelta) -> None:
    home.path.mkdir()
    with pytest.raises(ValueError, match="only moves forward"):
        clock.advance(home, by)


def test_a_folder_given_from_here_is_the_same_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOCAL_STATE", ".local-2")
    assert folder.default().path == tmp_path / ".local-2"
