"""What screening finds of our own cases, kind by kind, and what it costs: ``python -m tests.bench.screening``."""

import time

from comments.screening import DEFAULT_RULES, Submission, screen
from tests.unit.screening_cases import FOUND, LEFT_ALONE

ORDINARY = "I really enjoyed the visit to the ward and what the team said about falls, huddles and the rest of it. "


def found(code: str, text: str) -> bool:
    """Tell whether screening gives that signal."""
    return code in {signal.code for signal in screen(Submission(text, "Ada", "", None, False), DEFAULT_RULES)}


def main() -> None:
    """Measure and print."""
    print("screening, on the cases of tests/unit/screening_cases.py\n")
    print(f"{'':16} {'true cases found':>18} {'false cases left alone':>24}")
    for code in FOUND:
        true = sum(found(code, text) for text in FOUND[code])
        false = sum(not found(code, text) for text in LEFT_ALONE[code])
        print(f"{code:16} {f'{true} of {len(FOUND[code])}':>18} {f'{false} of {len(LEFT_ALONE[code])}':>24}")
    print("\nCPU for one comment")
    for length in (300, 1000, 5000):
        sent = Submission((ORDINARY * 60)[:length], "Ada", "example.org", 60.0, False)
        screen(sent, DEFAULT_RULES)
        began = time.process_time()
        for _ in range(50):
            screen(sent, DEFAULT_RULES)
        print(f"  {length:5} characters {(time.process_time() - began) / 50 * 1000:6.2f} ms")


if __name__ == "__main__":
    main()
