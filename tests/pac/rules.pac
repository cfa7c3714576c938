// Ten rules over every function. What Chromium answers to them is in recorded.txt.
var FIXED = 'local';
(function (outside) {
  // Wednesday, 18 November 2026, 13:45:30: by the local clock, or by GMT.
  var Real = Date;
  outside.Date = function (a, b, c, d, e, f, g) {
    switch (arguments.length) {
      case 0: return FIXED === 'local' ? new Real(2026, 10, 18, 13, 45, 30) : new Real(Real.UTC(2026, 10, 18, 13, 45, 30));
      case 1: return new Real(a);
      default: return new Real(a, b, c === undefined ? 1 : c, d || 0, e || 0, f || 0, g || 0);
    }
  };
})(this);

function FindProxyForURL(url, host) {
  if (isPlainHostName(host)) return 'DIRECT';                                                                          // 1
  if (dnsDomainIs(host, '.corp.example') && !localHostOrDomainIs(host, 'www.corp.example')) return 'PROXY one:8080';   // 2
  if (shExpMatch(url, '*://*.cdn.example/*') || shExpMatch(host, 'img?.example')) return 'HTTPS two:8443; DIRECT';    // 3
  if (isResolvable(host) && isInNet(dnsResolve(host), '10.0.0.0', '255.0.0.0')) return 'SOCKS5 three:1080';           // 4
  if (isInNet(host, '192.168.0.0', '255.255.0.0')) return 'SOCKS four; PROXY four:8080';                              // 5
  if (dnsDomainLevels(host) > 4) return 'PROXY five';                                                                 // 6
  if (url.substring(0, 6) === 'https:' && weekdayRange('MON', 'FRI') && timeRange(8, 17)) return 'PROXY six:6; PROXY seven:7'; // 7
  if (dateRange('JAN', 'MAR') || myIpAddress() === '0.0.0.0') return 'PROXY eight:8';                                 // 8
  if (isInNetEx(host, '2001:db8::/32') || isResolvableEx('six.example')) return 'PROXY nine:9';                       // 9
  alert('none of them');
  return '';                                                                                                          // 10
}
