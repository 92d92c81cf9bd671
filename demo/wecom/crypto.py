"""The service's side of the callback encryption, written apart from the gateway's so that each proves the other."""

from __future__ import annotations

import os
import struct
from base64 import b64decode, b64encode
from hashlib import sha1
from hmac import compare_digest

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC

HEAD = struct.Struct(">16sI")
BLOCK = 32


class Broken(ValueError):
    """A text that the other side cannot have sealed with our keys."""


class Envelope:
    """Seals and opens texts between one corp and its callback address."""

    def __init__(self, token: str, encoding_aes_key: str, receiveid: str) -> None:
        key = b64decode(f"{encoding_aes_key}=")
        self._token = token
        self._aes = Cipher(AES256(key), CBC(key[:16]))
        self._receiveid = receiveid.encode()

    def sign(self, *parts: str) -> str:
        digest = sha1(usedforsecurity=False)
        for part in sorted([self._token, *parts]):
            digest.update(part.encode())
        return digest.hexdigest()

    def seal(self, text: str) -> str:
        raw = text.encode()
        block = HEAD.pack(os.urandom(16), len(raw)) + raw + self._receiveid
        fill = BLOCK - len(block) % BLOCK
        step = self._aes.encryptor()
        return b64encode(step.update(block.ljust(len(block) + fill, bytes([fill]))) + step.finalize()).decode("ascii")

    def open(self, sealed: str, *, signature: str, timestamp: str, nonce: str) -> str:
        """The text inside; raises Broken for a wrong signature, damage or another receiver."""
        if not compare_digest(self.sign(timestamp, nonce, sealed).encode(), signature.encode()):
            raise Broken("signature")
        try:
            step = self._aes.decryptor()
            block = step.update(b64decode(sealed, validate=True)) + step.finalize()
            fill = block[-1]
            _, size = HEAD.unpack_from(block)
        except (ValueError, IndexError, struct.error) as error:
            raise Broken("encryption") from error
        body, rest = block[HEAD.size : HEAD.size + size], block[HEAD.size + size :]
        if not 1 <= fill <= BLOCK or rest != self._receiveid + bytes([fill]) * fill:
            raise Broken("padding or receiver")
        return body.decode()
