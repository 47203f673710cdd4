"""What Slack's refusals mean, in the words of whoever runs the business."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError, SlackObjectFormationError

from responders.errors import ChannelDenied, ChannelError, ChannelLimited

#: The message is not there any more.
GONE = frozenset({"message_not_found", "thread_not_found"})
_BAD_TOKEN = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "not_allowed_token_type",
        "not_authed",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
    }
)
_SHUT = frozenset({"channel_not_found", "is_archived", "not_in_channel", "no_permission", "restricted_action"})
_NOBODY = frozenset({"cannot_dm_bot", "messages_tab_disabled", "user_disabled", "user_not_found", "user_not_visible"})
_LATE = frozenset({"expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id", "trigger_expired"})
_TROUBLE = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})

#: How long to wait where Slack names no time.
_PAUSE = timedelta(seconds=30)
_DAY = 86_400


@contextmanager
def explained(now: Callable[[], datetime], token: str = "bot's token") -> Iterator[None]:  # noqa: S107 – its name
    """Turns what the library raises into the errors of the protocol; `token` names the one that was used."""
    try:
        yield
    except SlackApiError as error:
        raise _refusal(error, now(), token) from error
    except SlackObjectFormationError as error:
        raise ChannelError("A card has more than Slack can show.", "It waits in the inbox.", "Decide there.") from error
    except (SlackClientError, aiohttp.ClientError, OSError, ValueError) as error:
        raise unreachable() from error


def code(error: SlackApiError) -> str:
    """Slack's own word for what is wrong; empty where it gave none."""
    data = getattr(error.response, "data", None)
    return str(data.get("error", "")) if isinstance(data, dict) else ""


def unreachable() -> ChannelError:
    """No answer that says anything."""
    return ChannelError("Slack cannot be reached.", "Every draft waits in the inbox.", "It is tried again by itself.")


def _refusal(error: SlackApiError, now: datetime, token: str) -> ChannelError:
    status, why = getattr(error.response, "status_code", 0), code(error)
    if status == 429 or why in {"ratelimited", "rate_limited"}:
        at = now + _wait(error)
        return ChannelLimited("Slack asks for a pause.", "Nothing was shown.", "It is shown later.", retry_at=at)
    if why in _BAD_TOKEN:
        return ChannelDenied(
            f"Slack refused the {token} ({why}).", "Nothing was shown.", "Renew it, then run warmline check."
        )
    if why == "missing_scope":
        return ChannelDenied(
            f"The app lacks a permission on Slack: {error.response.data.get('needed', 'it does not say which')}.",
            "Nothing was shown.",
            "Add it under OAuth & Permissions, and install the app again.",
        )
    if why in _SHUT:
        return ChannelDenied(
            f"Slack does not let the app into the channel ({why}).",
            "Nothing was shown.",
            "Invite the app there with /invite, or correct place: the id of the channel is meant.",
        )
    if why in _NOBODY:
        return ChannelDenied(
            f"Slack does not let the app write to this person ({why}).",
            "Nothing was shown.",
            "Switch on the Messages tab under App Home, and see that they belong to the workspace.",
        )
    if why in _LATE:
        return ChannelError(
            "The window could not be opened in time.", "Nothing was changed.", "Press the button again."
        )
    if status >= 500 or why in _TROUBLE:
        return unreachable()
    return ChannelError(f"Slack did not take a message ({why or status}).", "", "Look into the inbox.")


def _wait(error: SlackApiError) -> timedelta:
    try:
        return timedelta(seconds=min(float(error.response.headers["Retry-After"]), _DAY))
    except (AttributeError, KeyError, TypeError, ValueError):
        return _PAUSE
