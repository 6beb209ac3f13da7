// Copies what a button names. Buttons are hidden until there is something to press them for.

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  const label = button.textContent;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(source);
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => (button.textContent = label), 2000);
  });
}

// A page that shows a secret came from a form. To load it again would send the form again, so from
// here on its address is another.
const then = document.querySelector("[data-then]");
if (then) history.replaceState(null, "", then.dataset.then);
