"""What stands in for DynamoDB and Secrets Manager, in a process of its own, so that its CPU is not counted.

Run as ``stand_in.py <answers.json> <certificate.pem>``; it prints its port. It repeats answers that were recorded, over
TLS as AWS does: reading the certificates and shaking hands is part of what a first caller waits for.
"""

import json
import ssl
import sys
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def question(operation: str, parameters: dict[str, Any]) -> str:
    """Return what tells one request of a recording from the others."""
    key = parameters.get("Key", {}).get("pk", {}).get("S", "")
    return f"{operation} {parameters.get('IndexName', '')} {key}"


class _Repeats(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together
    disable_nagle_algorithm = True
    answers: dict[str, bytes]

    def do_POST(self) -> None:
        parameters = json.loads(self.rfile.read(int(self.headers["content-length"])))
        operation = self.headers["x-amz-target"].rpartition(".")[2]
        body = self.answers[question(operation, parameters)]
        self.send_response(200)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-amzn-requestid", "A" * 52)
        self.send_header("x-amz-crc32", str(zlib.crc32(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def main(answers: str, certificate: str) -> None:
    """Serve until somebody ends this process."""
    recorded = json.loads(Path(answers).read_text())
    _Repeats.answers = {asked: json.dumps(answer).encode() for asked, answer in recorded.items()}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Repeats)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
