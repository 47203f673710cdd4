"""What can go wrong, named for what the caller does next.

```
WarmlineError
├─ ConfigError                    the file needs an edit
├─ StorageError                   storage/errors.py
│  ├─ StoreBusy                   another process holds the data
│  └─ StoreTooNew                 a newer Warmline wrote it
├─ SourceError                    connectors/errors.py
│  ├─ SourceUnavailable           ask again
│  ├─ SourceLimited               ask again, not before retry_at
│  ├─ SourceDenied                pause, tell a person
│  ├─ SourceChanged               keep a sample, tell us
│  └─ NotTaken                    tell whoever sent it
├─ ReplyError                     connectors/errors.py
│  ├─ ReplyDeferred               refused before anything could be public: later
│  ├─ ReplyRefused                never as it stands
│  ├─ ReplyTooLong                shorten it
│  └─ ReplyLost                   nobody knows: look before sending again
├─ ChannelError                   responders/errors.py
│  ├─ ChannelLimited              show it again, not before retry_at
│  └─ ChannelDenied               pause, tell a person
├─ ModelError                     responders/errors.py: the engine's draft stands
│  ├─ ModelUnavailable            leave it alone for a while
│  │  └─ ModelDenied              tell a person
│  └─ ModelSpent                  next month
└─ DecisionError                  responders/errors.py
   ├─ AlreadyDecided              somebody was faster
   ├─ NotAllowed                  another role decides this
   └─ StaleRevision               the text has changed: look again
```
"""

from __future__ import annotations


class WarmlineError(Exception):
    """Something went wrong that a person can understand.

    `happened` says what, `kept` what is safe, `do` what to do next: whole
    sentences in the user's words, without secrets or customers' texts.
    `kept` and `do` may be empty.
    """

    def __init__(self, happened: str, kept: str = "", do: str = "") -> None:
        super().__init__(happened, kept, do)
        self.happened = happened
        self.kept = kept
        self.do = do

    def __str__(self) -> str:
        return " ".join(part for part in (self.happened, self.kept, self.do) if part)


class ConfigError(WarmlineError):
    """The configuration cannot be used; `faults` lists every reason, by key."""

    def __init__(self, happened: str, kept: str = "", do: str = "", faults: tuple[str, ...] = ()) -> None:
        super().__init__(happened, kept, do)
        self.faults = faults

    def __str__(self) -> str:
        return "\n".join([self.happened, *(f"  {fault}" for fault in self.faults), *filter(None, (self.kept, self.do))])
