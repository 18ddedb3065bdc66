"""The web process, as granian starts it."""

from collections.abc import Callable
from unittest.mock import Mock

import pytest

from ours.settings import Settings
from ours.web import serve


def test_a_web_process_that_can_have_no_thread_to_store_events_ends_and_is_started_again(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take connections, and answer each request 500 until somebody ends it."""
    granian = Mock()
    monkeypatch.setattr(serve, "Granian", granian)
    monkeypatch.setattr(serve.processes, "bind_to_parent", Mock())
    monkeypatch.setattr(serve.processes, "keep_locks", Mock())
    monkeypatch.setattr(serve.processes, "keep_memory", Mock())
    monkeypatch.setattr(serve.multiprocessing, "set_start_method", Mock())
    monkeypatch.setattr("ours.store.writer.processes.lasting", Mock(side_effect=RuntimeError("can't start new thread")))
    serve.run(make_settings())
    load = granian.return_value.serve.call_args.kwargs["target_loader"]
    with pytest.raises(RuntimeError, match="can't start"):
        load("")
