"""python -m dbx: the command `dbx`."""

import sys

from dbx.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
