const names = ['Ada', 'Alan', 'Barbara', 'Edsger', 'Grace', 'Ivan', 'Leslie', 'Lynn', 'Nancy', 'Radia'] as const;

/** The name of who sits before this tab: kept while it is open, drawn once. */
export function nameOfThisTab(): string {
  const key = 'flotilla-demo-name';
  const known = sessionStorage.getItem(key);
  if (known !== null) return known;
  const [word = 0] = crypto.getRandomValues(new Uint16Array(1));
  const name = `${names[word % names.length]} ${(word % 90) + 10}`;
  sessionStorage.setItem(key, name);
  return name;
}
