// Shows every instant in the reader's zone. The exact one stays in `title` and `datetime`.

const time = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "numeric",
  minute: "2-digit",
});
const year = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function inWords(at) {
  const now = new Date();
  if (at.toDateString() === now.toDateString()) return time.format(at);
  return (at.getFullYear() === now.getFullYear() ? day : year).format(at);
}

function localise() {
  for (const element of document.querySelectorAll("time:not([data-local])")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    element.textContent = inWords(at);
    element.dataset.local = "";
  }
}

localise();
document.addEventListener("replaced", localise);
