// Sign-in page: the code of a one-time link is behind the #, and goes nowhere but into the form.
const code = decodeURIComponent(location.hash.slice(1));
if (code) {
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("secret").value = code;
  document.getElementById("how").textContent = "Your link has filled this in. Signing in uses it up.";
  document.querySelector(".sign-in [type=submit]").focus();
}
