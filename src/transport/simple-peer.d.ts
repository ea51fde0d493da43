/** The prebuilt bundle: the package's main entry needs globals of Node, and fails under Vite. */
declare module 'simple-peer/simplepeer.min.js' {
  import SimplePeer from 'simple-peer';
  export default SimplePeer;
}
