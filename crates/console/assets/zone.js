// Fields for instants are in UTC. Here they are shown in the reader's zone and sent as UTC.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** What such a field holds for this instant. */
function local(at) {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function follow(field) {
  const sent = document.createElement("input");
  sent.type = "hidden";
  sent.name = field.name;
  sent.value = field.value;
  field.removeAttribute("name");
  if (field.value) field.value = local(new Date(`${field.value}Z`));
  field.after(sent);
  field.addEventListener("input", () => {
    sent.value = field.value ? new Date(field.value).toISOString() : "";
  });
}

document.querySelectorAll('input[type="datetime-local"]').forEach(follow);
for (const name of document.querySelectorAll(".zone")) name.textContent = zone;
