"""`make simulate`: more worlds than a test run has time for."""

from __future__ import annotations

import pytest

from .__main__ import main


def test_seeds_are_looked_into_and_told(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "3", "--from", "40", "--jobs", "1"]) == 0

    told = capfd.readouterr().out
    assert "worlds   3\n" in told
    assert "failures 0\n" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--seeds", "0"], "'0' must be a whole number from 1"),
        (["--seeds", "many"], "'many' must be a whole number from 1"),
        (["--seeds", ""], "'' must be a whole number from 1"),
        (["--from", "-1"], "'-1' must be a whole number from 0"),
        (["--jobs", "0"], "'0' must be a whole number from 1"),
        (["--case", "nowhere 1"], "there is no world 'nowhere'"),
        (["--case", "payers"], "must follow the name of the world"),
        (["--case", "payers 1 7"], "'7' must be the number of a commit and one of before, after, known"),
        (["--case", "payers 1 7:never"], "'7:never' must be"),
    ],
)
def test_bad_input_is_refused(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)

    assert told in capsys.readouterr().err
