"""Tests that need a GPU; where there is none each is skipped and says so."""

import pytest
import torch


@pytest.fixture(autouse=True)
def gpu():
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU; torch finds none here")
