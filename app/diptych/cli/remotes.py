"""Registries by name: `remote add`, `change`, `list`, `test`, `rename`, `forget`, `login`."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING

from diptych import display
from diptych.cli.secrets import add_secret, asked_for, refuse_typed
from diptych.cli.session import Session
from diptych.cli.table import Heading, aligned
from diptych.cli.verb import Add
from diptych.errors import NotFound

if TYPE_CHECKING:
    from diptych.credentials.logins import FoundLogin
    from diptych.domain.evidence import Plain
    from diptych.domain.secret import Secret
    from diptych.workbench.remotes import NamedRemote


def register(add: Add) -> None:
    """Add the verbs."""
    add("remote", "name registries, sign in to them, test and forget them", _list)
    adding = add("remote add", "remember a registry under a name", _add)
    adding.add_argument("name", metavar="NAME")
    adding.add_argument("address", metavar="ADDRESS", help="such as oci://host/repository; never with a login in it")
    _add_options(adding)
    changing = add("remote change", "give a registry other options; an empty one is taken away", _change)
    changing.add_argument("name", metavar="NAME")
    _add_options(changing)
    add("remote list", "show the registries", _list)
    testing = add("remote test", "ask a registry who we are there and what we may do", _test)
    testing.add_argument("name", metavar="NAME")
    add_secret(testing)
    renaming = add("remote rename", "give a registry another name; its login goes with it", _rename)
    renaming.add_argument("name", metavar="NAME")
    renaming.add_argument("new", metavar="NEW")
    forgetting = add("remote forget", "forget a registry, and its login in the keyring", _forget)
    forgetting.add_argument("name", metavar="NAME")
    forgetting.add_argument("--leave-login", action="store_true", help="leave the login in the keyring")
    login = add("remote login", "keep the login for a registry in the keyring of this machine", _login)
    login.add_argument("name", metavar="NAME")
    login.add_argument("--found", action="store_true", help="only list logins of other programs that fit")
    login.add_argument("--from", dest="source", metavar="LOGIN", help="copy one of those, such as docker:ghcr.io")
    add_secret(login)
    for verb in (adding, changing, testing, renaming, forgetting, login):
        refuse_typed(verb)


def _add_options(to: ArgumentParser) -> None:
    """Add the options that a registry can have; none of them is a login."""
    to.add_argument("--endpoint", metavar="URL", help="S3: the server, for anything but AWS")
    to.add_argument("--region", metavar="REGION", help="S3: the region")
    to.add_argument("--ca-file", metavar="FILE", help="certificates to trust beside the usual ones")
    to.add_argument("--user", metavar="USER", help="user name, or access key of S3")
    to.add_argument("--throttle", metavar="BYTES", help="the most bytes per second")
    to.add_argument(
        "--option", action="append", default=[], type=_option, metavar="KEY=VALUE", help="an option of its kind alone"
    )


def _given(options: Namespace) -> dict[str, str]:
    """The options that were given."""
    named = {key: getattr(options, key) for key in ("endpoint", "region", "ca_file", "user", "throttle")}
    return {key: value for key, value in named.items() if value is not None} | dict(options.option)


def _add(session: Session, options: Namespace) -> int:
    made = session.workbench.add_remote(options.name, options.address, **_given(options))
    return _tell(session, made, "added")


def _change(session: Session, options: Namespace) -> int:
    return _tell(session, session.workbench.change_remote(options.name, **_given(options)), "changed")


def _option(text: str) -> tuple[str, str]:
    """A key and a value, for `argparse`."""
    key, mark, value = text.partition("=")
    if not mark:
        raise ArgumentTypeError("needs the form KEY=VALUE")
    return key, value


def _list(session: Session, options: Namespace) -> int:
    remotes = session.workbench.remotes()
    if session.terminal.json:
        session.terminal.say_json([_as_plain(remote) for remote in remotes])
        return 0
    if not remotes:
        session.terminal.say("no remotes yet; `diptych remote add NAME ADDRESS` adds one")
        return 0
    headings = [
        Heading("name"),
        Heading("address", elastic=True),
        Heading("account"),
        Heading("login"),
        Heading("tested"),
    ]
    rows = [
        (
            one.name,
            str(one.address),
            one.account or one.user,
            one.signed_in,
            display.ago(one.tested) if one.tested else "",
        )
        for one in remotes
    ]
    session.terminal.say_all(aligned(headings, rows, session.terminal.width))
    return 0


def _test(session: Session, options: Namespace) -> int:
    remote = session.workbench.remote(options.name)
    if options.token_fd is not None:
        session.workbench.keep_login(remote.name, asked_for(options, remote.name, remote.wants, remote.user))
    access = session.terminal.run(session.workbench.test_remote(remote.name))
    if session.terminal.json:
        session.terminal.say_json(
            {"name": remote.name, "account": access.account, "can_write": access.can_write, "server": access.server}
        )
        return 0
    may = {True: "may write", False: "may only read", None: "may read; trying tells whether it may write"}
    who = access.account or "no account"
    session.terminal.say(display.visible(f"{remote.name}: {who}, {may[access.can_write]} · {access.server}"))
    return 0


def _rename(session: Session, options: Namespace) -> int:
    session.terminal.run(session.workbench.rename_remote(options.name, options.new))
    return _tell(session, session.workbench.remote(options.new), "renamed")


def _forget(session: Session, options: Namespace) -> int:
    remote = session.workbench.remote(options.name)
    session.terminal.run(session.workbench.forget_remote(remote.name, options.leave_login))
    return _tell(session, remote, "forgotten")


def _login(session: Session, options: Namespace) -> int:
    remote = session.workbench.remote(options.name)
    if options.found or options.source:
        found = session.terminal.run(session.workbench.found_logins())
        fitting = [login for login in found if login.fits(remote.address)]
        if options.found:
            return _show(session, fitting)
        chosen = next((login for login in fitting if login.key == options.source), None)
        if chosen is None:
            raise NotFound(
                f"{display.visible(options.source)}: no login of another program for {remote.name} has this name",
                "--found lists them.",
            )
        session.terminal.run(session.workbench.import_login(remote.name, chosen))
    else:
        _keep(session, remote.name, asked_for(options, remote.name, remote.wants, remote.user))
    return _tell(session, session.workbench.remote(remote.name), "login kept in the keyring")


def _keep(session: Session, name: str, secret: Secret) -> None:
    from diptych.credentials import NoKeyring
    from diptych.credentials.handed import variable

    try:
        session.terminal.run(session.workbench.login(name, secret))
    except NoKeyring as error:
        instead = f"Without one, hand the login to each command: in the environment as DIPTYCH_TOKEN_{variable(name)}."
        raise NoKeyring(error.message, instead) from None


def _show(session: Session, logins: list[FoundLogin]) -> int:
    if session.terminal.json:
        session.terminal.say_json(
            [
                {"key": one.key, "file": str(one.file), "host": one.host, "user": one.user, "obstacle": one.obstacle}
                for one in logins
            ]
        )
        return 0
    headings = [Heading("login"), Heading("file", elastic=True), Heading("user"), Heading("obstacle", elastic=True)]
    rows = [(one.key, display.path(one.file), one.user, one.obstacle) for one in logins]
    session.terminal.say_all(
        aligned(headings, rows, session.terminal.width) if rows else ["nothing was found that fits"]
    )
    return 0


def _tell(session: Session, remote: NamedRemote, what: str) -> int:
    if session.terminal.json:
        session.terminal.say_json(_as_plain(remote))
    else:
        session.terminal.say(display.visible(f"{remote.name}: {what} · {remote.address}"))
    return 0


def _as_plain(remote: NamedRemote) -> dict[str, Plain]:
    return {
        "name": remote.name,
        "address": str(remote.address),
        "kind": remote.address.kind,
        **remote.options,
        "user": remote.user,
        "ca_file": str(remote.ca_file) if remote.ca_file else None,
        "throttle": remote.throttle,
        "login": remote.signed_in,
        "account": remote.account,
        "tested": remote.tested,
    }
