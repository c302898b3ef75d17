package postgres

// CountOpen is the question of what is open.
const CountOpen = countOpen
