// Finds event types by what is typed, and ticks a group's types with the group.

const search = document.querySelector(".search");
const none = document.querySelector(".none");
const groups = [...document.querySelectorAll(".group")];

function narrow(text) {
  const wanted = text.trim().toLowerCase();
  let found = 0;
  for (const group of groups) {
    let shown = 0;
    for (const one of group.querySelectorAll(".one")) {
      one.hidden = !one.textContent.toLowerCase().includes(wanted);
      shown += one.hidden ? 0 : 1;
    }
    group.hidden = shown === 0;
    found += shown;
  }
  none.hidden = found > 0;
}

function follow(group) {
  const whole = group.querySelector(".whole input");
  if (!whole) return;
  const ones = [...group.querySelectorAll(".one input")];
  const show = () => {
    for (const one of ones) one.disabled = whole.checked;
    group.classList.toggle("covered", whole.checked);
  };
  whole.addEventListener("change", show);
  show();
}

groups.forEach(follow);
if (search && groups.length > 0) {
  search.hidden = false;
  const input = search.querySelector("input");
  input.addEventListener("input", () => narrow(input.value));
  // Enter would send the form.
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
}
