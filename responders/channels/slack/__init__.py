"""Slack: cards with buttons in a channel or in direct messages, windows to write in, answers that one person sees."""

from __future__ import annotations

from importlib.util import find_spec

from pydantic import BaseModel, ConfigDict, Field

from config.secrets import Secret
from responders.channels.base import Channel, ChannelType, Surroundings

__all__ = ["CHANNEL"]


class SlackSettings(BaseModel):
    """The keys of a `[[channels]]` table of type `slack`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: "xoxb-…", of the app's bot in the workspace.
    bot_token: Secret
    #: "xapp-…", with the scope `connections:write`: it opens the socket, so that no public address is needed.
    app_token: Secret
    #: Slack's interface; another one only for GovSlack, or for a server on this machine.
    server: str = Field(
        default="https://slack.com/api/", pattern=r"^(https://|http://(localhost|127\.0\.0\.1)[:/])\S+$"
    )


def build(settings: SlackSettings, surroundings: Surroundings) -> Channel:
    """The chat for one table.

    Raises:
        ImportError: slack-bolt is not installed.
    """
    if find_spec("slack_bolt") is None:
        raise ImportError("slack-bolt is not installed")
    from responders.channels.slack.channel import SlackChannel

    return SlackChannel(settings, surroundings)


CHANNEL = ChannelType(
    settings=SlackSettings,
    build=build,
    summary="Cards with buttons in a Slack channel; the text is changed in a window that says what is wrong with it.",
)
