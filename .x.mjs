import {boot} from 'pagewalk';
const m=boot({ram:'16 MiB'}); const p=m.spawn('a');
const sys=m.kernel.sys;
console.log(Object.keys(p).slice(0,20), sys.pgdat.kswapd!==undefined);
const fd=p.open('/mnt/f', 0x42); console.log(fd);
