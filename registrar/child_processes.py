"""What programs that the registrar starts are given: never a passphrase."""

import os
from collections.abc import Mapping
from typing import Final

_OURS: Final = "DOCKWARDEN_"


def clean_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment without our own variables, which git's hooks and credential helpers could
    read otherwise."""
    return {name: value for name, value in environment.items() if not name.startswith(_OURS)}
