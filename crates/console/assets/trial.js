// Tries a form's settings while they are filled in: sends the form as its “Try” button does, and
// takes what is said of each field from the answer. The fields stay as they are.

const PAUSE_MS = 450;
const form = document.querySelector("form[data-trial]");
let timer = 0;
let asked = null;

/** Whether what is wrong with a field is told now. Nobody is told while still writing a URL. */
function isDue(part) {
  const field = form.querySelector(`[aria-describedby~="${part.id}"]`);
  return !(field && field.id === "url" && field === document.activeElement);
}

function take(page) {
  for (const part of form.querySelectorAll(".tried")) {
    const next = page.getElementById(part.id);
    if (next && isDue(part) && next.innerHTML !== part.innerHTML) part.replaceWith(next);
  }
  for (const field of form.querySelectorAll("[aria-describedby]")) {
    const next = field.id && page.getElementById(field.id);
    if (next && field !== document.activeElement) {
      field.toggleAttribute("aria-invalid", next.hasAttribute("aria-invalid"));
    }
  }
  document.dispatchEvent(new Event("replaced"));
}

async function attempt() {
  asked?.abort();
  asked = new AbortController();
  const fields = new URLSearchParams(new FormData(form));
  fields.set("deed", "try");
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: fields,
      headers: { accept: "text/html" },
      signal: asked.signal,
    });
    if (!answer.ok || answer.redirected) return;
    take(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch (error) {
    // A later one has taken its place, or there is no connection: the buttons still work.
    if (error.name !== "AbortError") console.warn(error);
  }
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(attempt, PAUSE_MS);
}

function another(rows) {
  const row = rows.lastElementChild.cloneNode(true);
  for (const field of row.querySelectorAll("input")) field.value = "";
  row.lastElementChild.placeholder = "value";
  rows.append(row);
  row.firstElementChild.focus();
}

form.addEventListener("input", (event) => {
  if (event.target.id !== "url" && event.target.id !== "search") soon();
});
form.addEventListener("change", (event) => {
  if (event.target.id === "url") soon();
});
for (const button of form.querySelectorAll('[name="deed"][value="try"]')) {
  button.type = "button";
  const isAnother = button.classList.contains("another");
  const rows = form.querySelector(".rows");
  button.addEventListener("click", isAnother ? () => another(rows) : attempt);
}
