// Tells of new events while a log is looked at. They are shown when asked for: nothing jumps.

const list = document.getElementById("events");
const live = document.getElementById("live");
const fresh = new Set();
const button = document.createElement("button");
button.type = "button";
button.className = "news";
button.hidden = true;
list.before(button);

let known = shown(list);
let source = null;

function shown(part) {
  return new Set([...part.querySelectorAll("[data-id]")].map((row) => row.dataset.id));
}

function say(tone, words) {
  live.hidden = false;
  live.className = `live state ${tone}`;
  live.replaceChildren(
    Object.assign(document.createElement("span"), { className: "dot", ariaHidden: "true" }),
    words,
  );
}

function count() {
  button.hidden = fresh.size === 0;
  button.textContent = fresh.size === 1 ? "Show 1 new event" : `Show ${fresh.size} new events`;
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok || answer.redirected) return location.reload();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  list.replaceChildren(...page.getElementById("events").childNodes);
  known = shown(list);
  fresh.clear();
  count();
  document.dispatchEvent(new Event("replaced"));
}

function open() {
  source = new EventSource(list.dataset.follow);
  source.addEventListener("open", () => say("good", "Live"));
  source.addEventListener("event", (event) => {
    // A stream begins with the newest of the log, which are there.
    if (known.has(event.lastEventId)) return;
    const { accepted_at: at } = JSON.parse(event.data);
    const oldest = [...list.querySelectorAll("[data-id] time")].at(-1);
    if (oldest && Date.parse(at) < Date.parse(oldest.dateTime)) return;
    fresh.add(event.lastEventId);
    count();
  });
  source.addEventListener("error", () => {
    const isOver = source.readyState === EventSource.CLOSED;
    say(isOver ? "idle" : "waiting", isOver ? "Not live: load the page again" : "Reconnecting …");
  });
}

// A browser has few connections to a host, and a page that nobody looks at needs none.
function follow() {
  source?.close();
  source = null;
  if (document.visibilityState === "visible") open();
}

button.addEventListener("click", refresh);
document.addEventListener("visibilitychange", follow);
follow();
