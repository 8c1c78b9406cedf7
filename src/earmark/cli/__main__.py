"""`python -m earmark.cli`: the command line where the script `earmark` is not on the path."""

from earmark.cli import main

if __name__ == "__main__":
    main()
