"""The front door for a WSGI server: ``app``. Run as a script it is ``ours serve``."""

if __name__ == "__main__":
    import sys

    from ours.cli import main

    main(["serve", *sys.argv[1:]])
else:
    from ours.web import create_app

    app = create_app()
