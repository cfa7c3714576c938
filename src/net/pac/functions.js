// The functions that a proxy auto-configuration script may call, with the answers that Chromium gives (tests/pac/recorded.txt).
// `dnsResolve`, `dnsResolveEx`, `myIpAddress`, `myIpAddressEx` and `alert` come from outside: they need a network, or say something.
function isPlainHostName(host) {
  // An IPv6 address holds no dot, and two colons or more.
  return host.indexOf('.') < 0 && host.indexOf(':') === host.lastIndexOf(':');
}
function dnsDomainIs(host, domain) {
  return host.length >= domain.length && host.slice(host.length - domain.length) === domain;
}
function localHostOrDomainIs(host, full) {
  return host === full || full.slice(0, host.length + 1) === host + '.';
}
function dnsDomainLevels(host) {
  return host.split('.').length - 1;
}
function isResolvable(host) {
  return dnsResolve(host) !== null;
}
function isResolvableEx(host) {
  return dnsResolveEx(host) !== '';
}
function convert_addr(address) {
  return address.split('.').reduce(function (sum, part) { return sum << 8 | part & 255; }, 0);
}
function isInNet(host, network, mask) {
  function dotted(text) {
    var parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
    return parts !== null && parts.slice(1).every(function (part) { return part <= 255; });
  }
  if (!dotted(host)) {
    host = dnsResolve(host);
    if (host === null) return false;
  }
  if (!dotted(network) || !dotted(mask)) return false;
  return (convert_addr(host) & convert_addr(mask)) === (convert_addr(network) & convert_addr(mask));
}
// Only the dot loses its meaning: whatever else means something in a regular expression, means it here, as it does in browsers.
function shExpMatch(text, pattern) {
  pattern = pattern.replace(/\./g, '\\.').replace(/\*/g, '.*').replace(/\?/g, '.');
  return new RegExp('^' + pattern + '$').test(text);
}
(function (outside) {
  var DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
  var MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];

  // The arguments without a last 'GMT', and a reader of the present time in the zone that was asked for.
  function asked(list) {
    var values = Array.prototype.slice.call(list);
    var gmt = values[values.length - 1] === 'GMT';
    if (gmt) values.pop();
    var now = new Date();
    return { values: values, now: now, gmt: gmt, read: function (what) { return now[(gmt ? 'getUTC' : 'get') + what](); } };
  }
  function between(first, value, last) {
    return first <= last ? first <= value && value <= last : first <= value || value <= last;
  }

  outside.weekdayRange = function () {
    var a = asked(arguments);
    if (a.values.length < 1) return false;
    var first = DAYS.indexOf(a.values[0]);
    var last = a.values.length === 2 ? DAYS.indexOf(a.values[1]) : first;
    return first >= 0 && last >= 0 && between(first, a.read('Day'), last);
  };

  outside.timeRange = function () {
    var a = asked(arguments), v = a.values.map(Number);
    var hour = a.read('Hours'), minute = a.read('Minutes'), second = a.read('Seconds');
    var now = (hour * 60 + minute) * 60 + second;
    switch (v.length) {
      case 1: return hour === v[0];
      case 2: return v[0] <= hour && hour <= v[1];
      case 4: return between((v[0] * 60 + v[1]) * 60, now, (v[2] * 60 + v[3]) * 60 + 59);
      case 6: return between((v[0] * 60 + v[1]) * 60 + v[2], now, (v[3] * 60 + v[4]) * 60 + v[5]);
      case 0: return false;
    }
    throw 'timeRange: bad number of arguments';
  };

  // A day of the month is below 32, a month is a name, and any other number is a year.
  function kind(value) {
    if (MONTHS.indexOf(value) >= 0) return 'month';
    return parseInt(value) < 32 ? 'day' : 'year';
  }
  outside.dateRange = function () {
    var a = asked(arguments), v = a.values;
    if (v.length < 1) return false;
    var today = { day: a.read('Date'), month: a.read('Month'), year: a.read('FullYear') };
    function number(value) { return kind(value) === 'month' ? MONTHS.indexOf(value) : parseInt(value); }
    if (v.length === 1) {
      return today[kind(v[0])] === number(v[0]);
    }
    // Two moments of this year, changed unit by unit in the order given. A month that is too short for its day runs over into the
    // next one, as it does in browsers.
    var first = new Date(today.year, 0, 1, 0, 0, 0), last = new Date(today.year, 11, 31, 23, 59, 59);
    var setters = { day: 'setDate', month: 'setMonth', year: 'setFullYear' };
    var half = v.length >> 1;
    v.forEach(function (value, at) { (at < half ? first : last)[setters[kind(value)]](number(value)); });
    if (v.length === 2 && kind(v[0]) === 'day') {
      first.setMonth(today.month);
      last.setMonth(today.month);
    }
    var now = new Date(today.year, today.month, today.day, a.read('Hours'), a.read('Minutes'), a.read('Seconds'));
    return between(first, now, last);
  };
})(this);
