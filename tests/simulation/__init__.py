"""The whole engine under a virtual clock and seeded faults: all that happens in a world is decided by its seed.

A **world** (`world.py`) is processes on one file, events that are sent, faults that happen, and then a calm in which
everything must end. A **process** (`process.py`) is the real engine: domain, SQLite store, executor, reaper, service
and local invoker. Only its ports are not: an event loop whose clock is virtual and whose turns are shuffled
(`loop.py`), a writer in callbacks, ids, locks (`ports.py`), threads that hand on a baton (`threads.py`), and a database
that can end the process at each commit (`database.py`). What happened is a **history** (`history.py`); **checkers**
read nothing else, one file for each promise. A **case** is one world in one line, `payers 7 12:after`
(`explore.py`): its name, its seed, and crashes at numbered commits.

To add to it:

- *A new kind of step, or another way to use one*: a `Program` in a file of `corpus/`, added to its `PROGRAMS`: what its
  functions do, written with `Outside.does` (handlers that are noted), and a judge of what each of its runs may be.
  Every crash, every world by chance and the replay of P9 take it from there.
- *Something from outside that programs need while they run*: its `meanwhile` (`Posting`, `Signalling`, `Cancelling`,
  `Pausing`, `Rerunning`), at times that the seed draws. What a step looks for is said again in `looks`, for the checker
  of P8. Another kind of thing from outside goes beside these in `scenario.py`; `Clients` does it until it is
  acknowledged.
- *Another gate, or another rule about the queue*: a program in `corpus/gated.py`, what it means for an event in the
  model of `checkers/p1_gates.py` (never less than it says), and in plain words in `checkers/p7_flow.py` (never more).
  Neither asks the engine: configurations are read anew (`checkers/rules.py`), and a program says again what its
  expressions say (`means`).
- *Functions behind the wire*: `apps` of a `Scenario` is the number of app processes (`app.py`) that serve all programs;
  engines have none then, and `wire.py` carries calls and checkpoints. `payers@2` is a program with two engines and two
  apps. A fault of the network is a member of `ON_CALLS` or `ON_CHECKPOINTS`, and strikes in `wire.py`; worlds are in
  `wired.py`. No last attempt is cut, so that a run ends as if nothing had happened.
- *An endpoint whose requests are runs*: a program in `corpus/answering.py` with a `script` instead of functions.
  `endpoints.py` is its SDK: it does what the script says, in requests and in calls.
- *Worlds of another shape* (lanes, limits): a function of the seed in `scenarios.MIXED`, and a weight in
  `explore.by_chance`.
- *A new promise*: a checker in `checkers/`, and at least one planted bug in `mutations/` that it catches. A new table
  goes into `history.TABLES`, and `State`, so that checkers see its rows.
- *Very many runs*: `invariant.py` follows limits by key change by change, and keeps nothing else of the history.
- *A new fault*: a member of `Fault`, and where it strikes in `World` or `Process`. The suite fails if it never does.
- *A bug that was found*: its case, as a line of `seeds.txt`.
"""
