from ours.settings import document

print(document(), end="")  # noqa: T201
