"""The receiver of production's log as a process of its own, which ``opetence ui`` keeps running."""

from opetence_assets.command.postgres import receive

if __name__ == "__main__":
    receive()
