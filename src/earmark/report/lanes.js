for (const article of document.querySelectorAll(".recording")) {
  const lanes = article.querySelector(".lanes"), audio = article.querySelector("audio"), toggle = article.querySelector(".raw-switch");
  if (toggle) toggle.addEventListener("change", () => lanes.classList.toggle("shows-raw", toggle.checked));
  if (!audio) continue;
  const heads = lanes.querySelectorAll(".head"), duration = +lanes.dataset.duration, played = +lanes.dataset.played;
  const follow = () => {
    for (const head of heads) {
      head.style.display = "block";
      head.style.left = 100 * Math.min(1, audio.currentTime / duration) + "%";
    }
    if (!audio.paused) requestAnimationFrame(follow);
  };
  audio.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
    follow();
  });
  audio.addEventListener("seeked", follow);
  for (const track of lanes.querySelectorAll(".track")) track.addEventListener("click", event => {
    const box = track.getBoundingClientRect();
    audio.currentTime = Math.min(played, Math.max(0, (event.clientX - box.left) / box.width) * duration);
    audio.play().catch(() => {});  // a browser may want a press of the button first
  });
}
