#!/usr/bin/env python
"""Every management command; starts the embedded servers for it where none are named."""

import os
import sys

from hospital_management import launch

WITHOUT_DATABASE = {"help", "check", "version", "--version", "--help", "collectstatic"}


def main() -> None:
    launch.read_env_file()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hospital_management.settings")
    if len(sys.argv) < 2 or sys.argv[1] in WITHOUT_DATABASE:
        launch.provide_secret()
        execute()
    else:
        with launch.servers_for_command():
            execute()


def execute() -> None:
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
