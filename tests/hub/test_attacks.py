"""Every attack script is beaten by the rule that is meant for it."""

from __future__ import annotations

import pytest

import weft_hub
from hub.attacks import __main__ as program
from hub.attacks import runner
from hub.attacks.stage import Stage


@pytest.mark.parametrize("name", runner.NAMES)
def test_the_attack_is_beaten(name: str) -> None:
    result = runner.run(name)
    assert result.beaten, result.how


def test_the_runner_notices_an_attack_that_gets_through(monkeypatch: pytest.MonkeyPatch) -> None:
    from hub.attacks import pickle_os_system

    def harmful(stage: Stage) -> None:
        stage.harm.write_text("done")
        raise weft_hub.UnsafeWeightsError(pickle_os_system.SAYS)

    def unrefused(stage: Stage) -> None:
        """Do nothing, so that nothing is refused."""

    for attack in (harmful, unrefused):
        monkeypatch.setattr(pickle_os_system, "attack", attack)
        assert not runner.run("pickle_os_system").beaten


def test_the_program_refuses_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["nonsense"]) == 1
    assert "no attack is called nonsense" in capsys.readouterr().out
