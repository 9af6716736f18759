"""`python -m minidl`: the command."""

from minidl_cli.main import main

main()
