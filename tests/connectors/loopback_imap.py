"""A mailbox on this machine that speaks as much IMAP as it takes to read mails, and notes every command."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast


@dataclass
class Post:
    """A mailbox with one folder; `refuses` holds the answer to a command that is not done."""

    mails: dict[int, bytes] = field(default_factory=dict)
    validity: int = 7
    refuses: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    port: int = 0

    def arrive(self, raw: bytes) -> int:
        """Takes a mail in; gives its number."""
        self.mails[max(self.mails, default=0) + 1] = raw
        return max(self.mails)

    def named(self, command: str) -> list[str]:
        """The commands of that name that were given."""
        return [each for each in self.commands if command in each]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    post: Post


class _Visit(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        post = cast("_Server", self.server).post
        self._say("* OK ready")
        while line := self.rfile.readline().decode():
            tag, _, command = line.strip().partition(" ")
            post.commands.append(command)
            name = command.split()[0].upper()
            if name in post.refuses:
                self._say(f"{tag} {post.refuses[name]}")
                continue
            if name == "DROP" or "DROP" in post.refuses.get("", ""):
                return
            self._answer(post, command)
            self._say(f"{tag} OK done")
            if name == "LOGOUT":
                return

    def _answer(self, post: Post, command: str) -> None:
        match command.split(maxsplit=1)[0].upper():
            case "CAPABILITY":
                self._say("* CAPABILITY IMAP4rev1 AUTH=PLAIN")
            case "STATUS":
                last = max(post.mails, default=0)
                self._say(f'* STATUS "INBOX" (UIDVALIDITY {post.validity} UIDNEXT {last + 1})')
            case "EXAMINE" | "SELECT":
                self._say(f"* {len(post.mails)} EXISTS")
            case "LOGOUT":
                self._say("* BYE")
            case "UID" if "SEARCH" in command:
                self._say("* SEARCH " + " ".join(map(str, _found(post, command))))
            case "UID":
                uid = int(command.split()[2])
                self.wfile.write(f"* 1 FETCH (UID {uid} BODY[] {{{len(post.mails[uid])}}}\r\n".encode())
                self.wfile.write(post.mails[uid] + b")\r\n")

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")


def _found(post: Post, command: str) -> list[int]:
    """The mails that fit; like many servers it looks for senders in the whole header, and "9:*" finds the last."""
    first = re.search(r"UID (\d+):\*", command)
    smaller, larger = re.search(r"SMALLER (\d+)", command), re.search(r"LARGER (\d+)", command)
    senders = re.findall(r'FROM "([^"]+)"', command)
    last = max(post.mails, default=0)
    return [
        uid
        for uid, raw in post.mails.items()
        if (not first or uid >= int(first[1]) or uid == last)
        and (not smaller or len(raw) < int(smaller[1]))
        and (not larger or len(raw) > int(larger[1]))
        and any(sender.encode() in raw.lower() for sender in senders)
    ]


@contextmanager
def serve_mail() -> Iterator[Post]:
    """A running server with an empty mailbox."""
    with _Server(("127.0.0.1", 0), _Visit) as server:
        server.post = Post(port=server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server.post
        server.shutdown()
        thread.join()
