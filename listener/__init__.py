"""The daemon: it polls, understands, asks and reports."""
