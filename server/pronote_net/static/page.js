// Nothing here is needed: every page works without it.
"use strict";

// A login that an ENT has confirmed goes on without a press of the button.
for (const form of document.querySelectorAll("form[data-continue]")) {
  form.requestSubmit();
}

// A double press sends a form once.
document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("button")) {
    setTimeout(() => { button.disabled = true; }, 0);
  }
});

// A page that the browser kept is usable again.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    for (const button of document.querySelectorAll("form button")) {
      button.disabled = false;
    }
  }
});
