"""A tenant's deployment file, and ways to spoil it."""

from __future__ import annotations

import pytest

SIMPLE = """\
version: "2.0"
services:
  web:
    image: nginx:1.27
    env:
      - MODE=live
    expose:
      - port: 80
        accept:
          - www.example.com
        to:
          - global: true
profiles:
  compute:
    small:
      resources:
        cpu:
          units: 0.5
        memory:
          size: 512Mi
        storage:
          size: 1Gi
  placement:
    anywhere:
      attributes:
        region: eu-west
      signedBy:
        anyOf:
          - auditor-1
      pricing:
        small:
          denom: uakt
          amount: 1000
deployment:
  web:
    anywhere:
      profile: small
      count: 2
"""


@pytest.fixture
def simple() -> str:
    """A small file that is valid in both modes."""
    return SIMPLE
