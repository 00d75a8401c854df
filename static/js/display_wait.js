// A screen that shows nothing yet: goes on once staff typed in its code, or when its time is up.
// Asks the server first, for an error page of the browser would stay.  Written for the oldest
// screens.

(function () {
  "use strict";
  var EVERY_MS = 2000;
  var page = document.querySelector("[data-claimed-url]");
  var until = Date.now() + Number(page.getAttribute("data-seconds")) * 1000;

  setInterval(function () {
    var request = new XMLHttpRequest();
    request.open("GET", page.getAttribute("data-claimed-url"));
    request.onload = function () {
      if (request.status !== 200) return;
      if (JSON.parse(request.responseText).is_claimed || Date.now() > until) {
        location.replace(page.getAttribute("data-next"));
      }
    };
    request.send();
  }, EVERY_MS);
})();
