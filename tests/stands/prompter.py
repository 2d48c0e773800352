"""Stands for the program that shows GNOME Keyring's questions, and for the person in front of it.

Run: python prompter.py silent|declining. It takes the prompter's name on the session bus and says `ready`.
"""

from __future__ import annotations

import sys

from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection

NAME = "org.gnome.keyring.SystemPrompter"


def main(manner: str) -> None:
    bus = open_dbus_connection("SESSION")
    bus.send_and_get_reply(message_bus.RequestName(NAME))
    print("ready", flush=True)
    while True:
        message = bus.receive()
        fields = message.header.fields
        if message.header.message_type is not MessageType.method_call:
            continue
        bus.send(new_method_return(message))
        if fields[HeaderFields.member] == "BeginPrompting" and manner == "declining":
            callback = DBusAddress(
                message.body[0], fields[HeaderFields.sender], "org.gnome.keyring.internal.Prompter.Callback"
            )
            bus.send(new_method_call(callback, "PromptDone"))


if __name__ == "__main__":
    main(sys.argv[1])
