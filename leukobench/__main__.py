"""`python -m leukobench`."""

from leukobench.cli import main

if __name__ == "__main__":
    main()
