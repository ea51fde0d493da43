import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import './style.css';

// A page that comes out of the back-forward cache has left its group when it went in: begin again from storage.
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload();
});

const root = document.querySelector('#root');
if (root === null) throw new Error('the page has no root');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
