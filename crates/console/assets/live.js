// Follows what is under way: asks for the page again until its part is no longer `data-live`. A
// part with `data-live="steps"` is replaced at each change, and all that the page is about at the
// end; others are replaced at the end alone.

const SOON_MS = 700;
const SOON = 120;
const LATER_MS = 5_000;
const AT_MOST = 840;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function latest(part) {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok || answer.redirected) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const next = page.getElementById(part.id);
  const ends = part.dataset.live === "steps" && next && !("live" in next.dataset);
  return ends ? [document.querySelector("main"), page.querySelector("main")] : [part, next];
}

/** Puts the next part in the place of this one; what has the focus keeps it. */
function replace(part, next) {
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  part.replaceWith(next);
  if (focused) document.getElementById(focused)?.focus();
  document.dispatchEvent(new Event("replaced"));
}

async function follow(part) {
  let seen = part.outerHTML;
  for (let asked = 0; asked < AT_MOST && "live" in part.dataset; asked += 1) {
    await pause(asked < SOON ? SOON_MS : LATER_MS);
    if (document.hidden) continue;
    const found = await latest(part).catch(() => undefined);
    if (found === null) return;
    const [old, next] = found ?? [];
    if (!next || next.outerHTML === seen || next.dataset.live === "") continue;
    seen = next.outerHTML;
    replace(old, next);
    part = next;
  }
}

document.querySelectorAll("[data-live]").forEach(follow);
