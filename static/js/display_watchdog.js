// Written for the oldest screens: loads the page anew where the script that keeps it current does
// not run, or has stopped.  Looks first whether the server is there, for an error page of the
// browser would stay.

(function () {
  "use strict";
  var EVERY_MS = 15000;
  var SILENT_MS = 60000;

  setInterval(function () {
    var alive = Number(document.documentElement.getAttribute("data-alive") || 0);
    if (Date.now() - alive < SILENT_MS) return;
    var request = new XMLHttpRequest();
    request.open("GET", location.pathname);
    request.onload = function () {
      if (request.status === 200 || request.status === 404) location.reload();
    };
    request.send();
  }, EVERY_MS);
})();
