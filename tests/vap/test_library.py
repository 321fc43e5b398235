"""The functions that Kubernetes adds to CEL; the rows are those of its documentation and of its own tests."""

from __future__ import annotations

import pytest

from kgate.rules.cel import CelError, Language, UnansweredError
from kgate.vap.library import AUTHORIZER, functions

LANGUAGE = Language(("object", AUTHORIZER), list(functions()))


@pytest.mark.parametrize(
    "expression",
    [
        "isQuantity('1.3Gi')",
        "!isQuantity('1,3G')",
        "isQuantity('10000k')",
        "!isQuantity('200K')",
        "!isQuantity('Three')",
        "!isQuantity('')",
        "isQuantity('-.5e3')",
        "quantity('1Mi') == quantity('1024Ki')",
        "quantity('0.5') == quantity('500m')",
        "quantity('150Mi').isGreaterThan(quantity('100Mi'))",
        "quantity('50M').compareTo(quantity('50Mi')) == -1",
        "quantity('50k').asInteger() == 50000",
        "!quantity('9999999999999999999999999999999999999G').isInteger()",
        "quantity('50.703k').asApproximateFloat() == 50703.0",
        "quantity('50k').add(20) == quantity('50020') && quantity('50k').sub(quantity('1k')) == quantity('49k')",
        "sign(quantity('-1')) == -1 && sign(quantity('0')) == 0",
        "semver('1.2.3').isLessThan(semver('1.10.0'))",
        "semver('1.0.0-alpha.9').compareTo(semver('1.0.0-alpha.10')) == -1",
        "semver('1.0.0').isGreaterThan(semver('1.0.0-rc.1'))",
        "!isSemver('v1.0') && isSemver('v1.0', true) && semver('v01.1', true).patch() == 0",
        "!isSemver('1.02.3') && semver('200.3.4').major() == 200",
        "ip('127.0.0.1').family() == 4 && ip('::1').isLoopback() && ip('0.0.0.0').isUnspecified()",
        "!isIP('127.0.0.256') && !isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0') && !isIP('010.0.0.1')",
        "!ip.isCanonical('2001:DB8::ABCD') && ip.isCanonical('2001:db8::abcd')",
        "ip('224.0.0.1').isLinkLocalMulticast() && !ip('224.0.1.1').isLinkLocalMulticast()",
        "ip('169.254.169.254').isLinkLocalUnicast() && ip('192.168.0.1').isGlobalUnicast()",
        "!ip('255.255.255.255').isGlobalUnicast()",
        "cidr('192.168.0.0/24').containsIP('192.168.0.1') && !cidr('192.168.0.0/24').containsIP(ip('10.0.0.1'))",
        "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8'))",
        "cidr('192.168.1.5/24').ip() == ip('192.168.1.5') && cidr('::1/128').prefixLength() == 128",
        "cidr('192.168.1.5/24').masked() == cidr('192.168.1.0/24') && !isCIDR('192.168.0.0') && !isCIDR('10.0.0.0/08')",
        "url('https://user@example.com:80/p%20q?k=1&k=2').getHost() == 'example.com:80'",
        "url('https://[2001:db8::1]:8080/').getHostname() == '2001:db8::1'",
        "url('/path').getScheme() == '' && url('https://e.org/').getPort() == '' && !isURL('../relative')",
        "url('https://e.org/a%20b').getEscapedPath() == '/a%20b' && url('/?k=1&k=2').getQuery()['k'] == ['1', '2']",
        "'abc 123'.find('[0-9]+') == '123' && 'abc'.find('[0-9]+') == ''",
        "'123 abc 456'.findAll('[0-9]+') == ['123', '456'] && '1 2 3'.findAll('[0-9]', 2).size() == 2",
        "['a', 'b', 'b'].isSorted() && ![2.0, 1.0].isSorted() && [1, 3].sum() == 4 && [1, 3].max() == 3",
        "[quantity('2'), quantity('1Ki')].min() == quantity('2')",
        "[1, 2, 1].distinct() == [1, 2] && [3, 1].sort() == [1, 3] && [[1], [2]].flatten() == [1, 2]",
        "[1, 2, 3].slice(1, 2) == [2]",
        "sets.contains([1, 2], [2]) && !sets.contains([1], [1, 2]) && sets.equivalent([1, 1], [1])",
        "sets.intersects([1], [1, 2]) && !sets.intersects([], [1])",
        "object.?missing.orValue('x') == 'x' && '%s: %d'.format(['a', 1]) == 'a: 1'",
        f"{AUTHORIZER}.group('apps').resource('deployments').check('create').allowed() || true",
    ],
)
def test_true(expression: str) -> None:
    assert LANGUAGE.evaluate(expression, {"object": {}}) is True


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        pytest.param("quantity('200K')", "quantity '200K' cannot be parsed", id="a quantity"),
        pytest.param("quantity('1e999999999')", "too large", id="a quantity that would fill the memory"),
        pytest.param("quantity('9e30').asInteger()", "cannot convert", id="a number that is too large"),
        pytest.param("[].min()", "empty list", id="the least of nothing"),
        pytest.param("[1, 2].slice(1, 3)", "cannot slice", id="beyond the end"),
        pytest.param("ip('1.2.3')", "1.2.3", id="an address"),
        pytest.param("url('https://a:b/')", "Port", id="a port that is not a number"),
        pytest.param("'a'.find('[')", "Illegal regex", id="a regular expression"),
        pytest.param("object.a.b", "Key not found", id="a field"),
        pytest.param("quantity('1').isGreaterThan(semver('1.2.3'))", "no such overload", id="two types"),
        pytest.param("sign(object)", "no such overload", id="a mapping that is no quantity"),
    ],
)
def test_errors(expression: str, message: str) -> None:
    with pytest.raises(CelError, match=message) as caught:
        LANGUAGE.evaluate(expression, {"object": {"x": 1}})
    assert not isinstance(caught.value, UnansweredError)


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param(f"{AUTHORIZER}.path('/healthz').check('get').allowed()", id="who may do what"),
        pytest.param("format.dns1123Label().validate('a').hasValue()", id="a library that is not there"),
        pytest.param("{'a': 1}.all(k, v, v == 1)", id="a macro that is not there"),
        pytest.param("unknown == 1", id="a name that nobody knows"),
    ],
)
def test_open(expression: str) -> None:
    with pytest.raises(UnansweredError):
        LANGUAGE.evaluate(expression, {"object": {}})
