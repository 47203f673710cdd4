"""The command `warmline`. What is heavy is imported inside the commands, so that `--help` answers at once."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="warmline",
    help="Hears what people say about a small business, drafts a warm answer, and posts it when a person says yes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
db = typer.Typer(help="Looks after the database.", no_args_is_help=True)
audit = typer.Typer(help="Looks after the audit trail.", no_args_is_help=True)
staff = typer.Typer(help="Looks after who decides, and in which chats.", no_args_is_help=True)
app.add_typer(staff, name="staff")
app.add_typer(db, name="db")
app.add_typer(audit, name="audit")
query = typer.Typer(help="Tries out what counts as a mention.", no_args_is_help=True)
app.add_typer(query, name="query")

File = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The configuration file.", envvar="WARMLINE_CONFIG", show_default=False),
]
Business = Annotated[str, typer.Option("--business", "-b", help="Which business, where there are several.")]
As = Annotated[str, typer.Option("--as", help="Who you are: a name under [[staff]].", envvar="WARMLINE_AS")]
Wording = Annotated[
    str, typer.Argument(metavar="ID", help='The draft and its wording, as "warmline inbox" shows it: 12.2')
]

#: The five folders that make up Warmline; they must all come from one place.
FOLDERS = ("config", "storage", "connectors", "responders", "listener")


def main() -> None:
    """Where the console script begins."""
    hidden = _hidden_folders()
    if hidden:
        sys.exit(
            f"Another package in this environment hides a part of Warmline ({', '.join(hidden)}). "
            "Install Warmline in an environment of its own."
        )
    from listener.logs import start_logging

    start_logging("error")  # a command says itself what it did; the daemon sets its own level
    app()


def _hidden_folders() -> list[str]:
    """Those of our folders that another distribution has put itself in front of."""
    home = Path(__file__).resolve().parents[1]
    found = {name: importlib.util.find_spec(name) for name in FOLDERS}
    return [
        name
        for name, spec in found.items()
        if spec is None or spec.origin is None or Path(spec.origin).resolve().parents[1] != home
    ]


@app.command()
def init(
    to: Annotated[Path, typer.Argument(help="The file to write.")] = Path("warmline.toml"),
) -> None:
    """Asks a few questions and writes the configuration."""
    from listener import initiation, terminal

    with terminal.in_words():
        initiation.initiate(to)


@app.command()
def check(file: File = None) -> None:
    """Tries everything once: the file, secrets, the database, each source, mail. It stores and posts nothing."""
    from listener import checkup, terminal

    if not terminal.run(checkup.check(file)):
        raise typer.Exit(1)


@app.command()
def run(file: File = None) -> None:
    """Listens until it is stopped."""
    from listener import terminal
    from listener.daemon import run_daemon

    terminal.run(run_daemon(file))


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Play the week without a server, then end.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Where --once writes digest.html and summary.json.")] = None,
    port: Annotated[int, typer.Option(help="Where the inbox is served.")] = 8750,
) -> None:
    """Plays a recorded week in a small town: no key, no network."""
    from listener import terminal
    from listener.demo import playing

    if once:
        terminal.run(playing.play_once(out or Path("demo")))
    else:
        terminal.run(playing.play(port))


@app.command()
def poll(
    source: Annotated[str, typer.Argument(help="Which source; all where it is left out.")] = "",
    file: File = None,
    business: Business = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be heard, store nothing.")] = False,
) -> None:
    """Asks sources now."""
    from listener import looking, terminal

    if dry_run:
        terminal.run(looking.try_sources(file, business, source))
        return
    for line in _ask(file, "poll", source=source, business=business):
        counts = ", ".join(f"{line[key]} {key}" for key in ("new", "edited", "gone") if line[key]) or "nothing new"
        typer.echo(f"{line['source']}: {line['fault'] or counts}")


@app.command()
def connect(
    source: Annotated[str, typer.Argument(help="Which source.")],
    file: File = None,
    business: Business = "",
    person: As = "",
) -> None:
    """Lets a source into its account: asks in your browser, and keeps the access encrypted."""
    from listener import landing, terminal

    terminal.run(landing.connect(file, business, source, person))


@app.command()
def sources(file: File = None, business: Business = "") -> None:
    """Shows how every source is doing."""
    for line in _ask(file, "sources", business=business):
        typer.echo(
            f"{line['name']:<24} {line['type']:<14} {line['state']:<8} last answer {line['answered'] or 'never'}"
        )
        if line["fault"]:
            typer.echo(f"  {line['fault']}")


@app.command()
def inbox(
    file: File = None,
    business: Business = "",
    person: As = "",
    sign_in: Annotated[bool, typer.Option("--sign-in", help="Print a one-time link into the inbox.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Lists what waits, the worst first; or signs you in to the inbox in the browser."""
    if sign_in:
        typer.echo(_ask(file, "sign in", business=business, person=person))
        return
    lines = _ask(file, "inbox", business=business)
    if as_json:
        typer.echo(json.dumps(lines, ensure_ascii=False, indent=2))
        return
    from listener import looking

    looking.print_queue(lines)


@app.command()
def show(draft: Wording, file: File = None, business: Business = "") -> None:
    """Shows one draft: the post, why it was judged so, the text, and what happened so far."""
    from listener import looking

    looking.print_draft(_ask(file, "show", draft=_wording(draft)[0], business=business))


@app.command()
def approve(
    draft: Wording,
    file: File = None,
    business: Business = "",
    person: As = "",
    reason: Annotated[str, typer.Option(help="Why, where an owner overrules a finding.")] = "",
) -> None:
    """Approves exactly this wording; it is posted when the time to recall it is over."""
    _decide("approve", draft, file, business, person, reason=reason)


@app.command()
def edit(draft: Wording, text: str, file: File = None, business: Business = "", person: As = "") -> None:
    """Puts your words in place of the draft's; approve them next."""
    _decide("edit", draft, file, business, person, text=text)


@app.command()
def reject(
    draft: Wording,
    file: File = None,
    business: Business = "",
    person: As = "",
    reason: Annotated[str, typer.Option(help="Why; it helps the next draft.")] = "",
) -> None:
    """Says no to a draft."""
    _decide("reject", draft, file, business, person, reason=reason)


@app.command()
def snooze(
    draft: Wording,
    duration: Annotated[str, typer.Option("--for", help='How long: "2 hours".')] = "2 hours",
    file: File = None,
    business: Business = "",
    person: As = "",
) -> None:
    """Puts a draft away for a while."""
    from config.durations import parse_duration

    try:
        seconds = parse_duration(duration).total_seconds()
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    _decide("snooze", draft, file, business, person, snooze_for=seconds)


@app.command()
def escalate(draft: Wording, file: File = None, business: Business = "", person: As = "") -> None:
    """Passes a draft to an owner."""
    _decide("escalate", draft, file, business, person)


@app.command()
def recall(draft: Wording, file: File = None, business: Business = "", person: As = "") -> None:
    """Takes an approval back, while there is time."""
    _decide("recall", draft, file, business, person)


@app.command()
def posted(
    draft: Wording,
    file: File = None,
    business: Business = "",
    person: As = "",
    link: Annotated[str, typer.Option(help="The address of your reply.")] = "",
) -> None:
    """Says that you have posted a handed-off reply by hand."""
    _decide("posted", draft, file, business, person, link=link)


@app.command()
def there(draft: Wording, file: File = None, business: Business = "", person: As = "") -> None:
    """Says that an unconfirmed reply is there: you have seen it."""
    _decide("there", draft, file, business, person)


@app.command("send-again")
def send_again(draft: Wording, file: File = None, business: Business = "", person: As = "") -> None:
    """Says that an unconfirmed reply is not there, so that it is sent again."""
    _decide("send-again", draft, file, business, person)


@app.command()
def reopen(draft: Wording, file: File = None, business: Business = "", person: As = "") -> None:
    """Puts a refused, rejected, expired or failed draft back into the queue."""
    _decide("reopen", draft, file, business, person)


@app.command("not-us")
def not_us(draft: Wording, file: File = None, business: Business = "", person: As = "") -> None:
    """Says that a mention is not about the business."""
    answer = _ask(file, "not us", draft=_wording(draft)[0], business=business, person=person)
    typer.echo(f"{answer['id']}: {answer['state']}")


@app.command()
def correct(
    mention: Annotated[int, typer.Argument(help="The mention's number, as its address in the inbox shows it.")],
    said: Annotated[str, typer.Argument(help='What it is: complaint, praise, severe, "not severe", "about wait" …')],
    file: File = None,
    business: Business = "",
    person: As = "",
) -> None:
    """Says what a mention is, where it was judged wrongly."""
    now = _ask(file, "correct", mention=mention, said=said, business=business, person=person)
    typer.echo(f"{mention}: {now['polarity']}, {now['intent']}, {now['severity']['level']}, {', '.join(now['topics'])}")


@app.command()
def rescore(file: File = None, business: Business = "") -> None:
    """Judges the whole history anew; what people have corrected stays."""
    while True:
        reached = _ask(file, "rescore", business=business)
        typer.echo(f"{reached['done']} judged anew, {reached['changed']} of them differently, {reached['left']} left")
        if not reached["left"]:
            return


@query.command("test")
def query_test(
    text: Annotated[str, typer.Argument(metavar="QUERY", help="The query; yours where it is left out.")] = "",
    file: File = None,
    business: Business = "",
    posts: Annotated[Path | None, typer.Option("--posts", help="JSON lines to try it on instead.")] = None,
) -> None:
    """Shows what a query would hear: of what is stored, or of a file."""
    from listener import looking, querying, terminal

    if posts is None:
        querying.show(_ask(file, "query test", query=text, business=business))
        return
    with terminal.in_words():
        settings = looking.one_business(file, business)
        querying.show(querying.over_file(querying.read_lines(posts), settings, text).as_json())


@app.command()
def kept(
    promise: Annotated[int, typer.Argument(help="The promise's number.")],
    file: File = None,
    business: Business = "",
    person: As = "",
    broken: Annotated[bool, typer.Option("--broken", help="It was not kept.")] = False,
) -> None:
    """Says that a promise was kept."""
    _ask(file, "keep", promise=promise, kept=not broken, business=business, person=person)
    typer.echo("broken" if broken else "kept")


@app.command()
def digest(
    file: File = None,
    business: Business = "",
    week: Annotated[str, typer.Option(help='Which week: "2026-W22"; the last one where it is left out.')] = "",
    out: Annotated[Path | None, typer.Option(help="A folder for digest.html.")] = None,
) -> None:
    """Shows the digest of a week."""
    found = _ask(file, "digest", business=business, week=week)
    if out is None:
        typer.echo(found["plain"])
        return
    from listener.digest.sending import write

    typer.echo(f"Written to {write(found['html'], out)}")


@app.command()
def assess(
    posts: Annotated[Path, typer.Argument(help="JSON lines; - for standard input.")] = Path("-"),
) -> None:
    """Says what each mention is and wants: JSON lines in, JSON lines out, in the same order."""
    from listener import batch, terminal

    with terminal.in_words():
        raise typer.Exit(batch.assess(posts, sys.stdout))


@app.command()
def draft(
    business: Annotated[Path, typer.Option("--business", help="The business's file.")],
    posts: Annotated[Path, typer.Argument(help="JSON lines; - for standard input.")] = Path("-"),
) -> None:
    """Drafts a reply to each mention: JSON lines in, JSON lines out, in the same order. Nothing is posted."""
    from listener import batch, terminal

    with terminal.in_words():
        raise typer.Exit(batch.draft(posts, business, sys.stdout))


@app.command()
def forget(
    author: Annotated[str, typer.Argument(help="A handle, a name, or the platform's id.")],
    file: File = None,
    business: Business = "",
    person: As = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erases everything that is kept about an author; it cannot be brought back."""
    if not yes:
        typer.confirm(f"Erase everything that is kept about {author}?", abort=True)
    answer = _ask(file, "forget", author=author, business=business, person=person)
    typer.echo(f"Erased {answer['mentions']} mentions of {answer['authors']} authors.")


@staff.command("list")
def staff_list(file: File = None, business: Business = "") -> None:
    """Shows who decides, where they are linked, and how the chats are doing."""
    answer = _ask(file, "staff", business=business)
    for person in answer["people"]:
        typer.echo(f"{person['name']:<24} {person['role']:<8} {', '.join(person['chats']) or 'not linked'}")
    for chat in answer["chats"]:
        typer.echo(f"{chat['name']}: {chat['fault'] or 'works'}")


@staff.command("link")
def staff_link(
    person: Annotated[str, typer.Argument(help="A name under [[staff]].")],
    file: File = None,
    business: Business = "",
    channel: Annotated[str, typer.Option(help="The only chat that takes the code.")] = "",
) -> None:
    """Prints a code that ties a chat account to a person: it works once, within a quarter of an hour."""
    code = _ask(file, "link", person=person, channel=channel, business=business)
    typer.echo(f"{code}\n{person} sends it to Warmline in the chat; docs/chats.md says how.")


@staff.command("unlink")
def staff_unlink(
    person: Annotated[str, typer.Argument(help="Whose accounts; also somebody who has left.")],
    file: File = None,
    business: Business = "",
    by: As = "",
    channel: Annotated[str, typer.Option(help="Only in this chat.")] = "",
) -> None:
    """Forgets a person's chat accounts."""
    number = _ask(file, "unlink", person=person, channel=channel, business=business, by=by)
    typer.echo(f"{number} account{'' if number == 1 else 's'} unlinked.")


@audit.command("verify")
def audit_verify(file: File = None, business: Business = "") -> None:
    """Proves that no line of the audit trail was changed, dropped or moved."""
    answer = _ask(file, "audit", business=business)
    for fault in answer["faults"]:
        typer.secho(fault, fg="red", err=True)
    if answer["faults"]:
        raise typer.Exit(1)
    typer.echo(f"The trail is whole. Latest hash: {answer['head']}")


@db.command("upgrade")
def db_upgrade(file: File = None) -> None:
    """Brings the database to this version's tables; a copy is made first."""
    from listener import terminal, upkeep

    terminal.run(upkeep.upgrade(file))


@db.command("backup")
def db_backup(
    to: Annotated[Path, typer.Argument(help="The new file.")],
    file: File = None,
) -> None:
    """Copies the database while the daemon runs, and proves that the copy can be read."""
    from listener import terminal, upkeep

    terminal.run(upkeep.backup(file, to))


def _ask(file: Path | None, operation: str, **arguments: Any) -> Any:
    from listener import terminal

    return terminal.run(terminal.ask(file, operation, arguments))


def _wording(draft: str) -> tuple[int, int | None]:
    """The draft and the revision in "12.2"; the revision is None in "12"."""
    number, _, revision = draft.partition(".")
    if not number.isdecimal() or (revision and not revision.isdecimal()):
        raise typer.BadParameter(f'"{draft}" is not a draft: use an ID that "warmline inbox" shows, like 12.2')
    return int(number), int(revision) if revision else None


def _decide(verb: str, draft: str, file: Path | None, business: str, person: str, **more: Any) -> None:
    number, revision = _wording(draft)
    if revision is None:
        raise typer.BadParameter(f'say which wording you have read, like "{draft}.1": "warmline inbox" shows it')
    answer = _ask(file, "decide", verb=verb, draft=number, revision=revision, business=business, person=person, **more)
    typer.echo(f"{answer['id']}: {answer['state']}")
