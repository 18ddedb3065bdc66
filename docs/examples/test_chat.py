from chat import Chat

from ours.plugin.testing import DestinationContract


class TestChat(DestinationContract):
    destination = Chat
    settings = {"url": "https://chat.example.com/rooms/7", "token": "a-token-for-tests"}
