"""Which events of CRDs mean that all must be watched from the beginning."""

import pytest

from greenscale_operator.crd_watch import CrdWatch
from greenscale_operator.kinds import WORKLOAD
from greenscale_operator.scalers.keda import Keda

OURS, KEDAS = "greenscaleworkloads.greenscale.dev", "scaledobjects.keda.sh"

Event = tuple[str | None, str, str]


@pytest.mark.parametrize(
    ("events", "changed"),
    [
        pytest.param([(None, OURS, "1"), (None, OURS, "1")], False, id="listed, and listed again"),
        pytest.param([(None, OURS, "1"), ("MODIFIED", OURS, "1")], False, id="an upgrade in place"),
        pytest.param([(None, OURS, "1"), ("DELETED", OURS, "1")], True, id="gone"),
        pytest.param([(None, OURS, "1"), ("DELETED", OURS, "1"), ("ADDED", OURS, "2")], True, id="back"),
        pytest.param([(None, OURS, "1"), (None, OURS, "2")], True, id="another while nobody watched"),
        pytest.param([("ADDED", OURS, "1")], True, id="installed after the operator"),
        pytest.param([("ADDED", KEDAS, "1")], True, id="KEDA's, installed after the operator"),
        pytest.param([("ADDED", "certificates.cert-manager.io", "1")], False, id="somebody else's"),
    ],
)
def test_what_changed(events: list[Event], changed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    kinds = CrdWatch((WORKLOAD, *Keda().kinds))
    answers = [kinds.changed(event, {"metadata": {"name": name, "uid": uid}}) for event, name, uid in events]

    assert answers[-1] is changed
