#!/bin/sh
# /usr/local/bin/ours, for root: the command with the settings, the user and the rights of the service.
exec systemd-run --quiet --collect --wait --pty --pipe --uid=ours --gid=ours --working-directory=/var/lib/ours \
    --property=EnvironmentFile=/etc/ours/ours.env --property=UMask=0077 -- /opt/ours/.venv/bin/ours "$@"
