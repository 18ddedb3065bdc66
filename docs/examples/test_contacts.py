from contacts import Contacts

from ours.plugin.testing import DestinationContract


class TestContacts(DestinationContract):
    destination = Contacts
    settings = {"url": "https://crm.example.com/api", "key": "a-key-for-tests"}
