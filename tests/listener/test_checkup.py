"""What `warmline check` says of money and duties before anything is spent."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from config.settings import Installation, Settings, SourceTable, Voice
from connectors.base import Traits
from listener import checkup
from listener.checkup import Line, duties, forecast, print_line
from tests.builders import business
from tests.listener.test_chats import installed
from tests.responders.channels.simulated import Server

#: Asked every hour: 720 calls in a month of thirty days.
HOURLY = Traits("town", every=timedelta(hours=1), cost_per_call=Decimal("0.01"))


def table(budget: str | None = None) -> SourceTable:
    return SourceTable(name="town", type="town", budget=Decimal(budget) if budget else None)


def test_a_budget_that_is_enough_is_forecast_without_a_warning() -> None:
    (line,) = forecast(table("9"), HOURLY)

    assert (line.works, line.warns) == (True, False)
    assert line.says == (
        "about 7.20 USD a month if each call costs what one usually does; its budget of 9.00 USD allows 0.30 USD a day"
    )


def test_a_budget_that_the_forecast_passes_is_a_warning() -> None:
    (line,) = forecast(table("7"), HOURLY)

    assert (line.works, line.warns) == (True, True)
    assert "too little for all calls" in line.says


def test_what_costs_money_without_a_budget_is_a_warning() -> None:
    (line,) = forecast(table(), HOURLY)

    assert line.warns
    assert line.says.endswith("no budget is set, so nothing stops it")


def test_looking_again_at_what_is_kept_is_part_of_the_forecast() -> None:
    daily = Traits("town", every=timedelta(hours=1), cost_per_call=Decimal("0.01"), recheck_every=timedelta(days=1))

    (line,) = forecast(table("9"), daily)

    assert "about 30.00 USD more for every 100 posts that are kept and looked at again" in line.says


def test_what_is_free_of_charge_has_no_forecast_of_money() -> None:
    assert list(forecast(table("9"), Traits("town"))) == []


@pytest.mark.parametrize(("disclose", "tells"), [(True, "say"), (False, "do not say")])
def test_duties_are_told_with_what_drafts_say_of_software(disclose: bool, tells: str) -> None:
    traits = Traits("town", retention=timedelta(days=30), disclosure="Carry the label Automated.")

    (line,) = duties(business(voice=Voice(disclose=disclose)), table(), traits)

    assert line.says == (
        "Its posts are kept for 30 days at most. Carry the label Automated."
        f" Your drafts {tells} that software helped (disclose under [voice])."
    )


def test_posts_that_may_not_be_kept_are_named_so() -> None:
    (line,) = duties(business(), table(), Traits("town", retention=timedelta(0)))

    assert line.says.startswith("Its posts may not be kept")


def test_a_warning_has_a_mark_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    for line in (Line("a", True, "fine"), Line("b", True, "look", warns=True), Line("c", False, "broken")):
        print_line(line)

    assert [line.partition(" ")[0] for line in capsys.readouterr().out.splitlines()] == ["✓", "!", "✗"]


async def test_each_chat_says_who_we_are_there_or_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = {"good": Server(), "bad": Server(is_down=True)}
    monkeypatch.setattr(checkup, "installed_channels", lambda: installed(servers))
    asked = business(channels=[{"type": "good", "place": "room"}, {"type": "bad"}])
    settings = Settings(installation=Installation(), businesses={"crumb": asked}, home=tmp_path)

    lines = [line async for line in checkup._chats(asked, settings, None)]  # type: ignore[arg-type]

    assert [(line.what, line.works, line.says) for line in lines] == [
        ('chat "good"', True, "Warmline, in the simulated chat; asks in room"),
        ('chat "bad"', False, "The chat cannot be reached."),
    ]
